"""Lists in a request's body."""

from __future__ import annotations

from typing import Any

from rest_framework.serializers import ListField, ValidationError

from uploads.api.problems import MOST_ERRORS


class FewErrors(ListField):
    """A list whose first wrong values are named, and no more: a million of them would fill the answer."""

    def run_child_validation(self, data: list[Any]) -> list[Any]:
        found, errors = [], {}
        for index, item in enumerate(data):
            try:
                found.append(self.child.run_validation(item))
            except ValidationError as error:
                errors[index] = error.detail
                if len(errors) == MOST_ERRORS:
                    break
        if errors:
            raise ValidationError(errors)  # type: ignore[arg-type]
        return found
