// Enqueue a text, cancel it, and list why texts did not go. `make clients` compiles it.
import createClient from "openapi-fetch";
import type { FollowUpRequest, paths } from "./followup.js";

const followup = createClient<paths>({
  baseUrl: process.env["FOLLOWUP_URL"] ?? "http://127.0.0.1:8080",
  headers: { Authorization: `Bearer ${process.env["FOLLOWUP_API_KEY"]}` },
});

const text: FollowUpRequest = {
  to: "+12125550177",
  purpose: "transactional",
  text: "Your table is ready, {{ recipient.first_name }}.",
  due_in: "2h",
  recipient: { first_name: "Ana", state: "NY", country: "US" },
};
const planned = await followup.POST("/v1/follow-ups", {
  params: { header: { "Idempotency-Key": "booking-77" } },
  body: text,
});
if (planned.error) {
  throw new Error(`${planned.error.code}: ${planned.error.detail}`);
}

if ("follow_up_id" in planned.data) {
  const params = { path: { follow_up_id: planned.data.follow_up_id } };
  const cancelled = await followup.DELETE("/v1/follow-ups/{follow_up_id}", { params });
  console.log(cancelled.error?.code ?? "cancelled");
}

const blocked = await followup.GET("/v1/messages", { params: { query: { state: "blocked", limit: 100 } } });
for (const message of blocked.data?.messages ?? []) {
  console.log(message.follow_up_id, message.reason, message.explanation);
}

// @ts-expect-error - a purpose that the API does not know is refused before it is sent
export const wrong: FollowUpRequest = { ...text, purpose: "spam" };
