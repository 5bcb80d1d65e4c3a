"""A Django site's pages and URLs; its settings and users are what was printed."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path


@login_required
def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<p>Hello {request.user.get_full_name()}</p>")


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>Nobody is signed in</p>")


def stale(request: HttpRequest) -> HttpResponse:
    """From now on `SessionRefresh` asks anew, with prompt=none: that is how it refreshes."""
    request.session["oidc_id_token_expiration"] = 0
    return HttpResponse("<p>Stale now</p>")


def leave(request: HttpRequest) -> HttpResponse:
    """The button of a template: its sign-out is a form."""
    return HttpResponse(
        '<form method="post" action="/oidc/logout/">'
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}"></form>'
    )


urlpatterns = [
    path("", home),
    path("me", hello),
    path("stale", stale),
    path("leave", leave),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
