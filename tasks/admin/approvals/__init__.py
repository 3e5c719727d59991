"""The inbox of approvals: what agents of all tasks ask for, one card at a time."""
