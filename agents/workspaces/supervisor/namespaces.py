"""What a command has for itself of the kernel: a network, and a view of the disk.

Both need root, or the right of every user to make a user namespace. Where there is
neither, the caller knows so from a probe and does not ask for it.
"""

import ctypes
import os
import socket
import struct
from fcntl import ioctl
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
SIOCSIFFLAGS, SIOCSIFADDR = 0x8914, 0x8916
IFF_UP_RUNNING = 0x41
LOOPBACK_INDEX = 1
KEYCTL = {"x86_64": 250, "aarch64": 219}
JOIN_SESSION_KEYRING = 1
HOSTS = "/etc/hosts"

_libc = ctypes.CDLL(None, use_errno=True)


def enter(options: dict[str, Any], report: socket.socket) -> None:
    """Leave the machine's network and hide what is to be hidden, as `options` say.

    `network`: "own" for one with nothing but itself in it. `reach`: scheme, host and port
    that are the provider's; the sockets that listen there go through `report`. `hidden`:
    folders to empty, `shown`: what is seen of them nevertheless.
    """
    _leave_keyring()
    has_network = options["network"] == "own"
    hidden = options.get("hidden", [])
    if not has_network and not hidden:
        return
    _unshare((CLONE_NEWNET if has_network else 0) | CLONE_NEWNS)
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    if hidden:
        _hide(hidden, options["shown"])
    if has_network:
        _bring_up_loopback()
    if reach := options.get("reach"):
        _, host, port = reach
        listeners = [_make_listener(address, port) for address in _make_addresses(host)]
        socket.send_fds(report, [b"x"], [one.fileno() for one in listeners])


def receive_listeners(report: socket.socket) -> list[socket.socket]:
    """Return the listening sockets that the command's side has made; none: it could not."""
    _, handles, _, _ = socket.recv_fds(report, 1, 8)
    return [socket.socket(fileno=handle) for handle in handles]


def _leave_keyring() -> None:
    """Have no keys but those of one's own: a session's keyring is inherited."""
    if number := KEYCTL.get(os.uname().machine):
        _libc.syscall(number, JOIN_SESSION_KEYRING, None)


def _unshare(flags: int) -> None:
    if os.geteuid() == 0:
        _check(_libc.unshare(flags), "unshare")
        return
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(flags | CLONE_NEWUSER), "unshare")
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


# --- The disk ----------------------------------------------------------------------------


def _hide(hidden: list[str], shown: list[str]) -> None:
    """Cover the folders, then put back what is shown, under the names that it had."""
    handles = [(path, os.open(path, os.O_PATH)) for path in shown]
    umask = os.umask(0o022)  # the server's may close to others what is made here
    for folder in hidden:
        _mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path, handle in handles:
        source = f"/proc/self/fd/{handle}"
        if os.path.isdir(source):
            os.makedirs(path, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            with open(path, "a"):
                pass
        _mount(source, path, None, MS_BIND | MS_REC)
        os.close(handle)
    os.umask(umask)
    os.chdir(os.getcwd())  # into what is there now under that name


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str = ""
) -> None:
    code = _libc.mount(
        source.encode() if source else None,
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(code, f"mount {target}")


# --- The network -------------------------------------------------------------------------


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", IFF_UP_RUNNING)
        ioctl(any_socket, SIOCSIFFLAGS, request)


def _make_addresses(host: str) -> list[str]:
    """Return our own addresses that are the provider's in here, made if need be."""
    from ipaddress import ip_address  # noqa: PLC0415 (not for commands: slow to load)

    if host == "localhost":
        return ["127.0.0.1", "::1"]
    try:
        address = ip_address(host)
    except ValueError:
        _name_ourselves(host)
        return ["127.0.0.1"]
    if not address.is_loopback:
        _take_address(host, address.version)
    return [host]


def _take_address(host: str, version: int) -> None:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    packed = socket.inet_pton(family, host)
    with socket.socket(family, socket.SOCK_DGRAM) as any_socket:
        if version == 4:
            request = struct.pack("16shH4s8x", b"lo:1", family, 0, packed)
        else:
            request = packed + struct.pack("Ii", 128, LOOPBACK_INDEX)
        ioctl(any_socket, SIOCSIFADDR, request)


def _name_ourselves(host: str) -> None:
    """Let the name lead to us: a file of our own covers the machine's."""
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 (likewise)

    with open(HOSTS) as file:
        others = file.read()
    with NamedTemporaryFile("w") as ours:
        ours.write(f"127.0.0.1 {host}\n{others}")
        ours.flush()
        os.fchmod(ours.fileno(), 0o644)
        _mount(ours.name, HOSTS, None, MS_BIND)


def _make_listener(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(64)
    return listener


def _check(code: int, what: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
