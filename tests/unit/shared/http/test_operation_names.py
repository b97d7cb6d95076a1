import pytest

from shared.http.operation_names import operation_name


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/follow-ups", "list_follow_ups"),
        ("GET", "/v1/follow-ups/{follow_up_id}", "get_follow_up"),
        ("POST", "/v1/follow-ups", "enqueue_follow_up"),
        ("POST", "/v1/follow-ups/search", "search_follow_ups"),
        ("DELETE", "/v1/follow-ups/{follow_up_id}", "cancel_follow_up"),
        ("GET", "/v1/flows/{flow}/versions", "list_flow_versions"),
        ("DELETE", "/v1/flows/{flow}/file", "delete_flow_file"),
        ("POST", "/v1/conversations/{recipient_id}/close", "close_conversation"),
        ("POST", "/v1/deliveries/{delivery_id}/redrive", "redrive_delivery"),
        ("GET", "/v1/dispatches/{follow_up_id}", "get_dispatch"),
        ("GET", "/v1/overview", "get_overview"),
        ("POST", "/v1/segments", "create_segment"),
        ("PATCH", "/v1/segments/{segment}", "change_segment"),
        ("GET", "/v1/parked/sender", "list_sender_parked_events"),
        ("POST", "/v1/quarantine/redrive", "redrive_quarantine"),
    ],
)
def test_an_operation_reads_as_what_it_does(method: str, path: str, name: str) -> None:
    assert operation_name(method, path) == name
