"""What .ci/schemathesis.toml cannot say: where calls come from, what works on the stack, and four more checks.

Schemathesis loads this file once for each run. USHER_PREPARE says what a run begins with: `examples` that work,
`limits` that are used up, or nothing.
"""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from threading import Thread

import requests
import schemathesis
import urllib3.util.connection

URL, PROVIDER, PREPARE = (os.environ[name] for name in ("USHER_URL", "PROVIDER_URL", "USHER_PREPARE"))
WATCH, ADMIN = (f"Bearer {os.environ[name]}" for name in ("WATCH_KEY", "ADMIN_KEY"))
LOGIN, ADMIN_LOGIN, USERS = "/v2/watch/auth/login", "/v1/admin/auth/login", "/v2/watch/auth/users"
GET_CODE, GET_TOKEN = f"{LOGIN}/qr/get-code", f"{LOGIN}/qr/get-token"
FORGOT, RESET = "/v2/watch/auth/forgot-password", "/v2/watch/auth/reset-password"
SSO, TWO_FACTOR = "/v1/admin/auth/sso/initiate", "/v2/watch/content/screeners/festival/2fa"
OLGA = {"username": "olga", "password": "the projectionist never sleeps"}
PIN = {"type": "pin", "credentials": {"pin": "K7QX-93WD"}}
PHONE, NEW = {"phone": 2025550187, "country_code": 1}, {"new_password": "the last reel is missing"}

# A hundred calls come from one address of the loopback network, the next hundred from another one: so limits on an
# address are met, and what lies behind them is too. No connection is kept, as the configuration says.
connect, connections = urllib3.util.connection.create_connection, count()


def connect_from_elsewhere(address, timeout, source_address=None, **options):
    number = 0 if PREPARE == "limits" else next(connections) // 100
    return connect(address, timeout, (f"127.0.{number // 250}.{number % 250 + 1}", 0), **options)


urllib3.util.connection.create_connection = connect_from_elsewhere


class Provider(BaseHTTPRequestHandler):
    """The enterprise's identity provider, which knows none of the codes that it is asked about."""

    def do_GET(self):
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        self.answer(200, {"issuer": PROVIDER, "keys": []} | {name: PROVIDER + path for name, path in paths.items()})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(400, {"error": "invalid_grant"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


provider = HTTPServer(("127.0.0.1", int(PROVIDER.rsplit(":")[-1])), Provider)
Thread(target=provider.serve_forever, daemon=True).start()


def post(path, authorization, body):
    headers = {"Authorization": authorization, "Host": "demo.localhost", "Connection": "close"}
    return requests.post(URL + path, headers=headers, json=body, timeout=60).json()


def last_message(kind, field, pattern):
    messages = requests.get(f"{URL}/_local/outbox", timeout=60).json()[kind]
    return re.search(pattern, messages[-1][field])[1]


def reset_code(who):
    post(FORGOT, WATCH, {"email": f"{who}@demo.example"})
    return last_message("email", "text", r"/reset/(\w+)")


def one_time_code():
    post(TWO_FACTOR, os.environ["WATCH_TOKEN"], PHONE)
    requests.get(URL + TWO_FACTOR, headers={"Authorization": os.environ["WATCH_TOKEN"]}, timeout=60)
    return last_message("sms", "body", r"#(\d{6})")


def login_code(**answer):
    code = post(GET_CODE, WATCH, {"device": "Roku", "udid": "den-1"})["login_code"]
    if answer:
        post(f"{LOGIN}/qr", WATCH, {"login_code": code, **PIN, **answer})
    return code


def tokens(path, key, body):
    return {name: token for name, token in post(path, key, body).items() if name.endswith("token")}


def working_examples():
    """Parameters and bodies of operations, of the kind that no document can have; the last body is sent first."""
    watch, admin = (LOGIN, WATCH, {"type": "password", "credentials": OLGA}), (ADMIN_LOGIN, ADMIN, OLGA)
    polls = [login_code(), login_code(approve=False), login_code(approve=True)]
    return {
        "watch-token-refresh": ({}, [tokens(*watch)]),
        "watch-logout": ({}, [tokens(*watch)]),
        "admin-refresh": ({}, [tokens(*admin)]),
        "admin-logout": ({}, [tokens(*admin)]),
        "watch-reset-password": ({}, [{"reset_code": reset_code("rosa"), **NEW}]),
        "watch-qr-approve": ({}, [{"login_code": login_code(), **PIN}]),
        "watch-qr-get-token": ({}, [{"login_code": code, "udid": "den-1"} for code in polls]),
        "screener-verify": ({"screener_key": "festival"}, [{"otp": one_time_code()}]),
        "qr-page": ({"login_code": login_code()}, []),
        "qr-submit": ({"login_code": login_code(approve=True)}, [{"answer": "approve"}]),
        "qr-image-png": ({"login_code": login_code()}, []),
        "qr-image-svg": ({"login_code": login_code()}, []),
        "reset-page": ({"reset_code": reset_code("olga")}, []),
        "reset-submit": (
            {"reset_code": reset_code("adam")},
            [{**NEW, "again": NEW["new_password"]}, {**NEW, "again": "another one"}],
        ),
    }


def use_limits_up():
    """Makes as many calls as the limits on one address, person or device allow, and one more."""
    wrong = {"username": "ana", "password": "wrong"}
    calls = [
        (10, LOGIN, WATCH, {"type": "password", "credentials": wrong}),
        (30, LOGIN, WATCH, {"type": "pin", "credentials": {"pin": "wrong"}}),
        (10, ADMIN_LOGIN, ADMIN, {**wrong, "username": "olga"}),
        (200, USERS, WATCH, {"username": "ana", "email": "noor@demo.example", "password": NEW["new_password"]}),
        (10, FORGOT, WATCH, {"email": "ana@demo.example"}),
        (200, RESET, WATCH, {"reset_code": "wrong", **NEW}),
        (300, SSO, ADMIN, {"username": "olga@demo.example"}),
        (300, GET_CODE, WATCH, {"device": "Roku"}),
        (50, GET_TOKEN, WATCH, {"login_code": "BCDFGHJ", "udid": "den-1"}),
        (10, TWO_FACTOR.replace("festival", "premiere"), os.environ["WATCH_TOKEN"], PHONE),
    ]
    with ThreadPoolExecutor(10) as pool:
        for times, path, key, body in calls:
            # One device may ask for less codes than an address.
            bodies = [{"udid": f"den-{number}"} | body for number in range(times + 1)]
            list(pool.map(lambda body, path=path, key=key: post(path, key, body), bodies))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    if PREPARE == "limits":
        use_limits_up()
    examples = working_examples() if PREPARE == "examples" else {}
    items = [item for path in raw_schema["paths"].values() for item in path.values() if isinstance(item, dict)]
    for operation in items:
        parameters, bodies = examples.get(operation["operationId"], ({}, []))
        for name, value in parameters.items():
            known = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            operation["parameters"] = [{**known, "example": value}]
        if bodies:
            [media] = operation["requestBody"]["content"].values()
            media["examples"] = {str(number): {"value": body} for number, body in enumerate(bodies)}


def name_of(case):
    return case.operation.definition.raw["operationId"]


@schemathesis.hook
def before_call(context, case, kwargs):
    # The token of these is over afterwards: each call has one of its own.
    spends = name_of(case) in ("vidizmo-logout", "vidizmo-logout-get", "vidizmo-refresh")
    if spends and case.headers.get("Authorization") == f"Bearer {os.environ['VIDIZMO_TOKEN']}":
        person = {"emailAddress": OLGA["username"], "password": OLGA["password"]}
        token = post("/api/v1/user/authenticate", "", person)
        # No token, where the table fails.
        if isinstance(token, str):
            case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.check
def undeclared_method_is_not_found(ctx, response, case):
    """Instead of `unsupported_method`: API Gateway has no 405."""
    if response.request.method != case.operation.method.upper():
        assert (response.status_code, response.json()) == (404, {"message": "Not Found"}), "not API Gateway's 404"


@schemathesis.check
def opaque_token_is_needed(ctx, response, case):
    """Instead of `ignored_auth` on VIDIZMO's surface, where a refusal is 400."""
    name, authorization = name_of(case), response.request.headers.get("Authorization", "")
    if name.startswith("vidizmo-") and name != "vidizmo-authenticate" and response.status_code == 200:
        assert re.fullmatch("Bearer [A-Z2-7]{184}", authorization), "no token was needed"


@schemathesis.check
def incident_is_the_request(ctx, response, case):
    """An `incidentId` is the answer's `X-Request-Id`."""
    incident = re.search(rb'"incidentId":"(.*?)"', response.content)
    assert not incident or [incident[1].decode()] == response.headers["x-request-id"], "another id"


@schemathesis.check
def bad_body_is_told(ctx, response, case):
    """A body that the document does not allow is refused for that, and not as a wrong password is."""
    parts = case.meta.components.items() if case.meta else ()
    wrong = [location.name for location, part in parts if part.mode.is_negative]
    if PREPARE == "examples" and wrong == ["BODY"] and case.media_type == "application/json":
        refusals = rb'"([WA](2000|2001|2101|4900|4901)|InvalidRequestException|Not Found)"'
        assert re.search(refusals, response.content), "refused for something else, or not at all"
