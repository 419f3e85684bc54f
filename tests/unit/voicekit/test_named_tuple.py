"""voicekit.named_tuple: classes like those of typing.NamedTuple."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from voicekit.named_tuple import NamedTuple


class Ours(NamedTuple):
    """A point with a label."""

    x: int
    y: int = 2
    label: str | None = None

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self) -> Ours:
        return self._replace(x=self.x + 1)


class Theirs(typing.NamedTuple):
    """A point with a label."""

    x: int
    y: int = 2
    label: str | None = None


def test_it_has_the_fields_and_defaults_of_typing() -> None:
    assert Ours._fields == Theirs._fields
    assert Ours._field_defaults == Theirs._field_defaults
    assert typing.get_type_hints(Ours) == typing.get_type_hints(Theirs)
    assert Ours.__match_args__ == Theirs.__match_args__
    assert (Ours.__doc__, Ours.__module__) == (Theirs.__doc__, Theirs.__module__)


def test_it_is_a_tuple_with_methods() -> None:
    point = Ours(1, label="a")
    assert tuple(point) == (1, 2, "a")
    assert tuple(point) == Theirs(1, label="a")
    assert (point.total, point.moved()) == (3, Ours(2, 2, "a"))
    assert repr(point) == "Ours(x=1, y=2, label='a')"
    assert point._asdict() == {"x": 1, "y": 2, "label": "a"}
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point
    assert type(copy.deepcopy(point)) is Ours


def test_it_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Ours(1).other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}])
def test_it_rejects_other_arguments_as_typing_does(arguments: dict[str, int]) -> None:
    messages = []
    for one in (Ours, Theirs):
        with pytest.raises(TypeError) as caught:
            one(**arguments)  # type: ignore[arg-type]
        messages.append(str(caught.value).replace(one.__name__, "X"))
    assert messages[0] == messages[1]
