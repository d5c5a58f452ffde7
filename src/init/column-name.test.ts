import { describe, expect, it } from "vitest";
import { newNames } from "./column-name.ts";

const named = (...paths: string[]) =>
  newNames(paths.map((path) => path.split(".").map((step) => (/^\d$/.test(step) ? Number(step) : step))));

describe("the names of new columns", () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ["are in snake case", ["userId", "User-Agent", "名前"], ["user_id", "user_agent", "名前"]],
    ["are the end of a path", ["customer.email", "data.object.currency"], ["email", "currency"]],
    ["say what is unclear without it", ["customer.id", "s3.bucket.name", "id"], ["customer_id", "bucket_name", "id"]],
    ["have what tells them apart", ["billing.city", "shipping.city"], ["billing_city", "shipping_city"]],
    ["are those of the shorter path first", ["created_at", "order.created_at"], ["created_at", "order_created_at"]],
    ["leave places in arrays out", ["Records.0.eventTime"], ["event_time"]],
    [
      "keep digits with their letters",
      ["line1", "s3.s3SchemaVersion", "x-amz-id-2"],
      ["line1", "s3_schema_version", "x_amz_id_2"],
    ],
    ["tell several from one", ["ip", "ips", "userIPs"], ["ip", "ips", "user_ips"]],
    [
      "have a number where nothing else is left",
      ["userId", "user.id", "user_id"],
      ["user_id", "user_id_2", "user_id_3"],
    ],
    [
      "do not look like a person's",
      ["repository.full_name", "user.full_name"],
      ["repository_full_name", "user_full_name"],
    ],
    ["need no quotes for a digit", ["2024"], ["_2024"]],
  ])("%s", (_, paths, names) => {
    expect(named(...paths)).toEqual(names);
  });

  it("are short, and none that is taken", () => {
    expect(Buffer.byteLength(named("名".repeat(48))[0] ?? "")).toBeLessThanOrEqual(63);
    expect(newNames([["email"], ["customer", "email"]], new Set(["email"]))).toEqual(["email_2", "customer_email"]);
  });
});
