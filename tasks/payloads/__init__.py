"""What is kept as JSON in the form in which it is served: the API's own names stand here once."""
