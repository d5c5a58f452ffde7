import { describe, expect, it } from "vitest";
import { hasPassword, isHttpUrl, postgresUrlProblem, urlsByHost } from "./service-url.ts";

const WRONG = "a URL that begins with postgres:// or postgresql://, special characters in its password percent-encoded";

describe("a connection URL", () => {
  it.each([
    "postgres://localhost",
    "postgresql://u:p@localhost:5432/db",
    "postgres://u@/db?host=/var/run/postgresql",
    "postgres:///db?host=/var/run/postgresql",
    "postgres://u:p@%2Fvar%2Frun%2Fpostgresql/db",
    "postgres://u:p@[::1]:5432/db?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem",
    "postgres://u:a%40b%2Fc%3Fd%23e%25f@db.example/db",
    "postgres://u:a:b!$&'()*+,;=~@db-1.example_2.internal/my-db",
    "postgres://u:p@bücher.example/bücher",
  ])("is %s", (url) => {
    expect(postgresUrlProblem(url)).toBeNull();
  });

  it.each([
    "mysql://u:p@h/db",
    "postgres:/u:p@h/db",
    "postgres://odd:Tr0ub4dor@lagoon/seven@127.0.0.1:5432/db",
    "postgres://u:pa@ss@host/db",
    "postgres://u:pa/ss@host/db",
    "postgres://u:12/ss@host/db",
    "postgres://u/ss@host/db",
    "postgres://u:pa?ss@host/db",
    "postgres://u:12?ss@host/db",
    "postgres://u:12?host=x&ss@host/db",
    "postgres://u:pa#ss@host/db",
    "postgres://u:12#ss@host/db",
    "postgres://u:pa#ss@host:5432/db?sslmode=disable",
    "postgres://h/ss:x",
    "postgres://u:pass%@host/db",
    "postgres://u:pa%zzss@host/db",
    "postgres://u:pa ss@host/db",
    "postgres://u:pass@host:port/db",
    "postgres://u:pass@ho^st/db",
    "postgres://u:pass@[::1/db",
    "postgres://u:p@db.example/db\n",
  ])("is not %s", (url) => {
    expect(postgresUrlProblem(url)).toBe(WRONG);
  });

  it.each([
    ["postgres://u:p@a:5432,b:5433,[::1]/db?sslmode=verify-full", ["a:5432", "b:5433", "[::1]"]],
    ["postgres://a,b/db", ["a", "b"]],
    ["postgresql://u:a,b@a,b/db?target_session_attrs=read-write", ["a", "b"]],
    ["postgres://u@/db?host=/tmp&target_session_attrs=primary", [""]],
  ])("names hosts: %s", (url, hosts) => {
    expect(postgresUrlProblem(url)).toBeNull();
    const one = url.replace(/^(.*:\/\/(?:[^@]*@)?)[^/]*/, "$1*");
    expect(urlsByHost(url)).toEqual(hosts.map((host) => one.replace("*", host)));
  });

  it.each([
    ["postgres://u:p@/db?host=a,b", "names several hosts behind host=; it must name them before the database"],
    ["postgres://u:p@a,b/db?target_session_attrs=any", "it must be read-write or primary"],
    ["postgres://u:p@a/db?target_session_attrs=standby", "it must be read-write or primary"],
    ["postgres://u:p@a,,b/db", WRONG],
    ["postgres://u:p@a,/db?host=/tmp", WRONG],
    ["postgres://u:p@a,b:port/db", WRONG],
  ])("does not name hosts so: %s", (url, problem) => {
    expect(postgresUrlProblem(url)).toContain(problem);
  });

  it.each([
    ["postgres://u:p@h/db", true],
    ["postgres://u@h/db?password=p", true],
    ["postgres://u@h:5432/db", false],
    ["postgres://u:@h/db", false],
    ["postgres://h:5432,g:5432/db", false],
  ])("%s has a password: %s", (url, has) => {
    expect(hasPassword(url)).toBe(has);
  });
});

describe("a URL of http", () => {
  it.each(["http://localhost:4566", "https://sqs.eu-west-1.amazonaws.com/123/q", "http://[::1]:1/base/"])(
    "is %s",
    (url) => {
      expect(isHttpUrl(url)).toBe(true);
    },
  );

  it.each([
    "ftp://h",
    "http://",
    "http:///x",
    "http://u:p@h",
    "https://12:34/ss@h/q",
    "https://u/ss@h/q",
    "http://u:12?ss@h/q",
    "http://u:12#ss@h/q",
    "http://u:12\\ss@h/q",
    "http://u:12\\ss",
    "http://h q",
    "http://h:port",
  ])("is not %s", (url) => {
    expect(isHttpUrl(url)).toBe(false);
  });
});
