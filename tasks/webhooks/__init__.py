"""Webhooks: who is sent which events, and how each delivery went.

`publication` numbers the outbox's events and writes a delivery for each subscriber; a worker
claims those that are due (`attempts`), sends them (`sending`) and writes down what came of it.
"""
