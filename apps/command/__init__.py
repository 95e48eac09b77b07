"""The command `./understudy`."""
