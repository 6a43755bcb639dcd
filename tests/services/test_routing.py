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


def test_a_model_nobody_described_goes_to_its_provider_as_it_is() -> None:
    route = router("xai", "fal").route("fal/fal-ai/pixverse/v6/text-to-video", Mode.TEXT)
    assert (route.provider, route.spec.endpoint) == ("fal", "fal-ai/pixverse/v6/text-to-video")
    assert (route.executed_model, route.spec.verbatim) == ("fal/fal-ai/pixverse/v6/text-to-video", True)
    assert router("aimlapi").route("aimlapi/luma/ray-2", Mode.IMAGE).spec.endpoint == "luma/ray-2"


def test_a_described_model_is_not_sent_as_it_is() -> None:
    assert not router("fal").route("fal/veo-3.1", Mode.TEXT).spec.verbatim


@pytest.mark.parametrize("model", ["fal/grok-imagine-vidoe", "grok-imagine-vidoe", "xai/luma/ray-2", "fal/luma/../x"])
def test_a_name_that_is_no_endpoint_is_unknown(model: str) -> None:
    with pytest.raises(GatewayError) as error:
        router("fal", "xai").route(model, Mode.TEXT)
    assert error.value.code == "model_not_found"


def test_a_model_nobody_described_needs_its_provider() -> None:
    with pytest.raises(GatewayError, match=r"No configured provider offers 'fal/luma/ray'\..*by: fal \(FAL_KEY\)\."):
        router("local").route("fal/luma/ray", Mode.TEXT)


def test_who_could_offer_a_model_is_named_with_the_setting_that_turns_it_on() -> None:
    with pytest.raises(GatewayError) as error:
        router().route("grok-imagine-video", Mode.TEXT)
    offered = "Offered by: fal (FAL_KEY), aimlapi (AIMLAPI_KEY), xai (XAI_API_KEY), local."
    assert error.value.message == f"No configured provider offers 'grok-imagine-video'. Configured: none. {offered}"


def test_a_follow_up_of_a_model_nobody_described_goes_to_one_that_edits() -> None:
    route = router("fal").route_follow_up("fal/luma/ray", Mode.EDIT)
    assert (route.model.id, [warning.code for warning in route.warnings]) == ("grok-imagine-video", ["converted"])
    assert router("fal").route("fal/luma/ray", Mode.EDIT).model.id == "luma/ray", "asked for by name"


def test_a_model_nobody_described_may_be_the_default() -> None:
    default = "fal/luma/ray"
    assert router("fal", default=default).route_follow_up(default, Mode.TEXT).model.id == "luma/ray"
    assert router("fal", default=default).route_follow_up("sora-2-pro", Mode.EDIT).model.id == "grok-imagine-video"
