"""The lab's shipped base model, what it can do, and how to make it again."""
