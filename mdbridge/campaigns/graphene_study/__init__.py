"""The study of graphene: the paper's tables and figures, at rest and warm."""
