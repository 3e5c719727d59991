"""The first page: what waits for a person, what goes on, what failed, what it costs."""
