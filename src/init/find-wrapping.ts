import { parseBoundedJson } from "../decode/parse-bounded-json.ts";
import { compileFindPointer, compileUnwrap } from "../decode/unwrap-body.ts";
import type { UnwrapStep } from "../pipeline/contracts.ts";
import { isObject } from "./collect-fields.ts";
import { deliveryOf } from "./parse-events.ts";

/** Each way is tried as a whole: some bodies show what all are wrapped in. */
const BODIES_MAX = 50;
/** Steps of the longest way that is looked for. */
const STEPS_MAX = 4;
/** Where one step does the work of two, it comes first: `gzip` takes base64. */
const STEPS: readonly UnwrapStep[] = ["sns", "json", "gzip", "base64"];

/**
 * What the events are wrapped in, outermost first: the first way that leads to JSON objects in at least half of the bodies.
 * None where they are objects already, or where no way leads to them. `s3` is among them where some body points to an object
 * there, at which nobody looks here.
 */
export function findWrapping(bodies: readonly string[]): readonly UnwrapStep[] {
  const steps = search(bodies.slice(0, BODIES_MAX), []) ?? [];
  if (countPointers(bodies) === 0) return steps;
  // Nothing but a notification is around a pointer.
  return steps[0] === "sns" ? ["sns", "s3", ...steps.slice(1)] : ["s3", ...steps];
}

/** How many of the bodies point to an object in S3, where the event is. */
export const countPointers = (bodies: readonly string[]): number =>
  bodies.filter((body) => WAYS_TO_POINTERS.some((find) => find(body) !== null)).length;

const WAYS_TO_POINTERS = [compileFindPointer(["s3"]), compileFindPointer(["sns", "s3"])];

function search(bodies: readonly string[], steps: readonly UnwrapStep[]): readonly UnwrapStep[] | null {
  const unwrap = compileUnwrap(steps, []);
  const texts = bodies.flatMap((body) => {
    const unwrapped = unwrap(deliveryOf(body));
    return unwrapped.ok ? [unwrapped.value.body] : [];
  });
  // A body that is none of what the last step takes says that this is not the way.
  if (bodies.length === 0 || texts.length * 2 < bodies.length) return null;
  if (texts.map(parseBoundedJson).filter(isEvent).length * 2 >= bodies.length) return steps;
  if (steps.length === STEPS_MAX) return null;
  for (const step of STEPS) {
    if (step === "sns" && steps.includes("sns")) continue;
    const found = search(bodies, [...steps, step]);
    if (found !== null) return found;
  }
  return null;
}

/** What SNS sends is no event, nor are its confirmations. */
const isEvent = (value: unknown): boolean =>
  isObject(value) && !(typeof value["Type"] === "string" && typeof value["TopicArn"] === "string");
