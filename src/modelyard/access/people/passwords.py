"""Passwords as argon2id: hashed and checked off the event loop, a few at a time.

The parameters are RFC 9106's second choice: 64 MiB, three passes, four lanes. Knows no user.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from typing import TypeVar

import argon2

T = TypeVar("T")

AT_ONCE_MAX = 2  # each takes 64 MiB while it runs
WAITING_MAX = 32  # seconds of work; who comes later is told to try again
_PARAMETERS = argon2.profiles.RFC_9106_LOW_MEMORY


class TooBusy(Exception):
    """So many passwords are being checked that one more would wait for long."""


class Passwords:
    """Hashes and checks, under one limit for the process."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(_PARAMETERS)
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._waiting = 0
        self._nobodys = _of_no_password()

    async def hash(self, password: str) -> str:
        """Raises: TooBusy."""
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one that `stored` was made of.

        Where there is no user or no password (None), the same work is done on a hash that no
        password has, so that an answer takes as long for a stranger's name as for a known one.
        Raises: TooBusy.
        """
        return await self._run(lambda: self._verify(stored or self._nobodys, password))

    async def matches_any(self, stored: tuple[str, ...], password: str) -> bool:
        """Raises: TooBusy."""
        return await self._run(lambda: any(self._verify(one, password) for one in stored))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise TooBusy
        self._waiting += 1
        try:
            async with self._at_once:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _of_no_password() -> str:
    """A well-formed hash with the parameters of all others, and random bytes for its result."""
    salt, result = os.urandom(_PARAMETERS.salt_len), os.urandom(_PARAMETERS.hash_len)
    costs = f"m={_PARAMETERS.memory_cost},t={_PARAMETERS.time_cost},p={_PARAMETERS.parallelism}"
    return f"$argon2id$v=19${costs}${_base64(salt)}${_base64(result)}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
