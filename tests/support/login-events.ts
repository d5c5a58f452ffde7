/** Login events with distinct users; addresses and devices repeat, as they do in life. */
export function loginEvents(count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      user_id: `user-${index}`,
      app_version: `${1 + (index % 9)}.${index % 100}.${index % 7}`,
      device_type: index % 2 === 0 ? "android" : "ios",
      ip: `203.0.${index % 113}.${index % 251}`,
      locale: index % 3 === 0 ? null : "US",
      device_id: `9${String(index % 97).padStart(2, "0")}-${10 + (index % 89)}-${1000 + (index % 8999)}`,
    }),
  );
}
