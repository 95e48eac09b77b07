"""Recordings without captions: from the bytes of a media file to words with times, by Whisper.

`listening` goes through a file piece by piece and keeps what is done; `process` has the words recognised in a child process;
`child` is that process, with `media` (decoding), `cutting` (pieces) and `recognising` (the model). Only the modules of the
child import the libraries of extra `speech`.
"""
