"""The one process of `manage.py serve`: where it listens, its HTTP server, its worker."""
