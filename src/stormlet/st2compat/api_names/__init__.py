"""The model in StackStorm's JSON: what its command line and other clients read from the HTTP API.

Attributes that StackStorm leaves out where they are empty are left out here too; what is ours comes behind, under names that
StackStorm has not.
"""
