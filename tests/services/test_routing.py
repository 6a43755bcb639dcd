"""Which model at which provider serves a request."""

from __future__ import annotations

import pytest

from app.domain import catalogue
from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.services.routing import Router


def router(*providers: str, default: str = "grok-imagine-video") -> Router:
    return Router(catalogue.builtin(), providers, default)


def test_the_first_provider_that_offers_the_mode_is_taken() -> None:
    assert router("aimlapi", "fal").route("grok-imagine-video", Mode.EDIT).executed_model == "fal/grok-imagine-video"
    assert router("aimlapi", "fal").route(None, Mode.TEXT).provider == "aimlapi"


def test_a_pinned_provider_is_the_only_one_tried() -> None:
    assert router("fal", "local").route("local/sora-2", Mode.TEXT).executed_model == "local/grok-imagine-video"


@pytest.mark.parametrize("model", ["fal/grok-imagine-video", "xai/sora-2"])
def test_a_provider_that_is_not_configured_is_named(model: str) -> None:
    with pytest.raises(GatewayError, match="No configured provider offers") as error:
        router("local").route(model, Mode.TEXT)
    assert error.value.code == "no_provider_configured"


def test_a_mode_the_model_lacks_names_the_models_that_have_it() -> None:
    with pytest.raises(GatewayError, match=r"does not offer edit. Models that do: grok-imagine-video\.") as error:
        router("local").route("grok-imagine-video-1.5", Mode.EDIT)
    assert (error.value.code, error.value.param) == ("unsupported_mode", "model")


def test_a_follow_up_stays_with_its_sources_model() -> None:
    route = router("local").route_follow_up("sora-2", Mode.EDIT)
    assert (route.asked, route.model.id, route.warnings) == ("sora-2", "grok-imagine-video", ())


def test_a_follow_up_of_a_model_without_the_mode_goes_to_one_that_has_it_and_says_so() -> None:
    route = router("local").route_follow_up("sora-2-pro", Mode.EXTEND)
    (warning,) = route.warnings
    assert (route.asked, route.model.id) == ("sora-2-pro", "grok-imagine-video")
    assert (warning.param, warning.requested, warning.used) == ("model", "sora-2-pro", "grok-imagine-video")


def test_a_follow_up_that_no_model_can_do_is_refused() -> None:
    with pytest.raises(GatewayError, match="Models that do: none"):
        router("aimlapi").route_follow_up("grok-imagine-video", Mode.EDIT)


def test_a_follow_up_of_an_unknown_model_is_refused_as_unknown() -> None:
    with pytest.raises(GatewayError) as error:
        router("local").route_follow_up("gone", Mode.EDIT)
    assert error.value.code == "model_not_found"
