"""The OpenAPI description: what every route answers beside what its view declares."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

from tasks.answers import BAD_REQUEST, Error

UNAUTHORIZED = OpenApiResponse(Error, "A token or a login is needed.")
FORBIDDEN = OpenApiResponse(
    Error,
    "The user lacks the right that this needs; or the request is from a web page of another"
    " site, or without CSRF token.",
)
NOT_FOUND = OpenApiResponse(Error, "There is no such thing.")
TOO_LARGE = OpenApiResponse(Error, "The body is too large.")
WRONG_TYPE = OpenApiResponse(Error, "The body's content type is not taken.")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Found by being imported."""

    target_class = "tasks.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class Schema(AutoSchema):
    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for code, response in self._errors().items():
            if code not in bodies:
                bodies[code] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    response, code
                )
        return dict(sorted(bodies.items()))

    def _errors(self) -> dict[str, OpenApiResponse]:
        errors = {"401": UNAUTHORIZED, "403": FORBIDDEN}
        has_body = self.method in {"POST", "PATCH"} and self.get_request_serializer()
        if "{" in self.path:
            errors["404"] = NOT_FOUND
        if has_body:
            errors |= {"413": TOO_LARGE, "415": WRONG_TYPE}
        if has_body or self.get_override_parameters():
            errors["400"] = BAD_REQUEST
        return errors
