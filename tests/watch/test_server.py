"""The server through real sockets."""

import http.client
import json
import socket
import struct
import threading

import pytest

from contraflow.foundations.errors import UserError
from contraflow.watch import server as module
from contraflow.watch.page import Sight
from contraflow.watch.server import Server


def ask(server, path="/", method="GET", host=None, **headers):
    """Status, headers and content of an answer; a `host` of "" sends no such header."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=host is not None)
    for name, value in (({"Host": host} if host else {}) | headers).items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), content


@pytest.fixture
def server(served, seen_of):
    return served(lambda: Sight([seen_of()]))


def test_the_page_and_what_changes(server):
    status, headers, page = ask(server)
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.startswith(b"<!doctype html>") and b"pretrain/seed0" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cross-Origin-Resource-Policy"] == "same-origin"
    status, headers, content = ask(server, "/changing.json")
    assert status == 200 and headers["Content-Type"].startswith("application/json")
    told = json.loads(content)
    assert told["title"].startswith("1\u00a0training at work")
    assert "pretrain/seed0" in told["parts"]["experiment-0-trainings"]
    assert all(part in page.decode() for part in told["parts"].values())


def test_what_is_known_is_not_sent_again(served, seen_of, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 0)
    sights = [seen_of(), seen_of(), seen_of(epochs=4)]
    server = served(lambda: Sight([sights.pop(0)]))
    _, headers, _ = ask(server, "/changing.json")
    tag = headers["ETag"]
    status, headers, content = ask(server, "/changing.json", If_None_Match=f'"another", {tag}')
    assert (status, content, headers["ETag"]) == (304, b"", tag)
    status, headers, content = ask(server, "/changing.json", If_None_Match=tag)
    assert status == 200 and content and headers["ETag"] != tag


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1234", "127.0.0.1:80"])
def test_names_of_this_machine_are_answered(server, host):
    assert ask(server, host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.org",
        "example.org:{port}",
        "127.0.0.1.example.org",
        "localhost.example.org:{port}",
        "127.0.0.1:",
        "x",
    ],
)
@pytest.mark.parametrize("path", ["/", "/changing.json"])
def test_other_names_are_refused(server, host, path):
    """A page of somebody else, whose name was made to lead here, gets nothing."""
    status, _, content = ask(server, path, host=host.format(port=server.server_port))
    assert status == 403 and b"pretrain" not in content


@pytest.mark.parametrize("path", ["/x", "/../etc/passwd", "/changing.json/", "/?x", "http://127.0.0.1/", "*"])
def test_other_paths_are_refused(server, path):
    status, _, content = ask(server, path)
    assert status == 404 and b"pretrain" not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_it_is_for_readers_only(server, method):
    status, headers, content = ask(server, method=method)
    assert status == 501 and b"pretrain" not in content
    assert not any(name.startswith("Access-Control") for name in headers)


def test_head_says_what_get_would_send(server):
    (status, told, content), (_, sent, page) = ask(server, method="HEAD"), ask(server)
    assert (status, content) == (200, b"") and told["Content-Length"] == sent["Content-Length"] == str(len(page))


def test_no_other_machine_reaches_it(server):
    assert server.server_address[0] == "127.0.0.1" and server.address == f"http://127.0.0.1:{server.server_port}/"
    with socket.socket() as probe:  # on all addresses of this machine there is room for another one
        probe.bind(("127.0.0.2", server.server_port))


def test_a_port_that_is_taken_is_named(server):
    with pytest.raises(UserError, match=rf"--port must be free and allowed, got {server.server_port}"):
        Server(lambda: Sight([]), server.server_port)


def test_however_many_ask_it_looks_once_a_while(served, seen_of):
    looks = []
    server = served(lambda: looks.append(1) or Sight([seen_of()]))
    answers = []
    askers = [threading.Thread(target=lambda: answers.append(ask(server, "/changing.json")[0])) for _ in range(12)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == [200] * 12 and len(looks) < 12


def test_who_keeps_a_connection_open_stops_nobody(server):
    with socket.create_connection(("127.0.0.1", server.server_port)) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert ask(server)[0] == 200


def test_who_goes_away_before_the_answer_is_no_error(server, capfd):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.server_port)) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed by a reset
            hasty.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    assert ask(server)[0] == 200 and capfd.readouterr().err == ""
