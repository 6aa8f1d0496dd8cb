import type { FastifyReply } from "fastify";
import { codes, type Code } from "../../protocol/codes.ts";

/**
 * Answers with a refusal; all have one shape.
 * @param msg what is wrong, for developers; by default the code's own sentence. Never what the client sent.
 */
export function refuse(reply: FastifyReply, status: number, code: Code, msg?: string): FastifyReply {
  const { text, retry } = codes[code];
  return reply.code(status).send({ code, msg: msg ?? text, retry });
}
