"""Graphene's campaign: MD to a learned peridynamic solid, its solutions and figures."""
