"""The processes: each module here is a composition root. Nothing imports `apps`."""
