import type { JsonObject } from "./create-lookup.ts";

/** Where an SNS notification has what was published. */
export const WRAPPED_FIELD = "Message";

/** The detail of a refusal for what `isNotification` finds. */
export const FOUND_NOTIFICATION = "found an SNS notification, which `unwrap: sns` unwraps";

const STARTS_JSON = /^\s*[{[]/;

/** Whether an event is an SNS notification of something that has fields: those are out of reach in a text. */
export function isNotification({ Type, TopicArn, [WRAPPED_FIELD]: message }: JsonObject): boolean {
  return (
    Type === "Notification" && typeof TopicArn === "string" && typeof message === "string" && STARTS_JSON.test(message)
  );
}
