import { textOf } from "../history.ts";
import type { Checker } from "./evidence.ts";

/** SeqDense, NoDupEffect and, as far as logs tell, FenceMonotone. */
export const checkLogs: Checker = ({ history, logs }) => {
  const texts = new Set<string>();
  for (const [conv, log] of logs) {
    const commands = new Set<string>();
    log.forEach(({ seq, epoch, body, p, n }, i) => {
      if (seq !== i + 1) history.violate("SeqDense", `${conv} has ${seq} at place ${i + 1}`);
      if (epoch < (log[i - 1]?.epoch ?? 0))
        history.violate("FenceMonotone", `${conv} goes back to epoch ${epoch} at ${seq}`);
      const text = textOf(body);
      if (text?.includes("#") === true) {
        if (texts.has(text))
          history.violate("NoDupEffect", `${text} stands twice, again in ${conv} at ${seq}`);
        texts.add(text);
      }
      if (p === undefined || n === undefined) return;
      const command = `${p} ${n} ${body.kind}`;
      if (commands.has(command)) history.violate("NoDupEffect", `${conv} holds ${command} twice`);
      commands.add(command);
    });
  }
};
