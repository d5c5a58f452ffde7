import { PiipeError, definePipeline } from "piipe";

const base = {
  source: { sqs: { queue: "login-queue" } },
  sink: { postgres: { url: "postgresql://127.0.0.1/logins", table: "user_logins" } },
};

definePipeline({
  ...base,
  columns: {
    user_id: { type: "text" },
    masked_ip: { from: "ip", type: "ip", mask: "hmac-sha256" },
  },
});
// @ts-expect-error no such mask
definePipeline({ ...base, columns: { masked_ip: { from: "ip", type: "ip", mask: "rot13" } } });

export const codeOf = (error: unknown): string | null => (error instanceof PiipeError ? error.code : null);
