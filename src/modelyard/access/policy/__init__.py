"""What policies say, and what follows from them. Pure: knows no database and no operation."""
