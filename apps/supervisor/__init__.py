"""Everything as children of one process: the embedded mode.

`embedded.run_embedded` is what the command calls, `lock.read_state` says what runs. `postgres.EmbeddedPostgres` and
`valkey.EmbeddedValkey` also stand alone, for tests. Nothing is imported here, so that a command that only asks what
runs starts fast.
"""
