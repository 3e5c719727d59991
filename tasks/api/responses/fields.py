"""The fields that what the API answers is made of."""

from typing import Any

from rest_framework import serializers as drf

ResponseBody = drf.Serializer[Any]


def text(**options: Any) -> drf.CharField:
    return drf.CharField(**options)


def nullable_text(**options: Any) -> drf.CharField:
    return drf.CharField(allow_null=True, **options)


def nullable_time(**options: Any) -> drf.DateTimeField:
    return drf.DateTimeField(allow_null=True, **options)


def texts(**options: Any) -> drf.ListField:
    return drf.ListField(child=drf.CharField(), **options)


def choice(*names: str, **options: Any) -> drf.ChoiceField:
    return drf.ChoiceField(choices=names, **options)


def microdollars(**options: Any) -> drf.IntegerField:
    return drf.IntegerField(help_text="Microdollars.", **options)
