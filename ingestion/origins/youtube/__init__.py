"""YouTube: videos, playlists and channels. Start at `origin`; `library` is what runs in a process of its own."""
