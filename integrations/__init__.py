"""Getting achievements into other people's learning management systems, and showing what arrived."""
