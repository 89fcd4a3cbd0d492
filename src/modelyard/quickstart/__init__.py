"""The story of the README as a program: two real models from training to roll-back."""
