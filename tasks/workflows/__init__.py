"""Workflows: several tasks that are steps towards one thing.

`definition` reads what a person wrote, `graph` turns its pattern into dependencies, `engine` says what
comes next. These three are pure. `advance` does in rows what the engine says; `start` and
`control` are the verbs of people.
"""
