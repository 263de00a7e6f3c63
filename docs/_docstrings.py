"""How the reference reads our docstrings."""

import griffe


class Examples(griffe.Extension):
    """Show the section `Example:` as code: griffe knows it as `Examples:` alone."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rename the section of one object."""
        if obj.docstring:
            text = obj.docstring.value
            obj.docstring.value = text.replace("\nExample:\n", "\nExamples:\n")
