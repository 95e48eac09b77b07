"""What any process needs, and nothing about the domain. Each module is its own entrance."""
