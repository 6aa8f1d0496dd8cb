import { describe, expect, it } from "vitest";
import { Emitter } from "../../client/emitter.ts";

interface Events {
  readonly rang: number;
  readonly fell: string;
}

function emitter(): { bells: Emitter<Events>; heard: unknown[] } {
  const heard: unknown[] = [];
  return { bells: new Emitter<Events>((error) => void heard.push(error)), heard };
}

describe("emitter", () => {
  it("tells the listeners of one name alone, in the order in which they came", () => {
    const { bells, heard } = emitter();
    bells.on("rang", (times) => void heard.push(`first ${times}`));
    bells.on("fell", (where) => void heard.push(where));
    bells.on("rang", (times) => void heard.push(`second ${times}`));
    bells.emit("rang", 2);
    expect(heard).toEqual(["first 2", "second 2"]);
  });

  it("calls a listener once that was given twice, and not after it was taken back", () => {
    const { bells, heard } = emitter();
    const listener = (what: unknown): void => void heard.push(what);
    const stop = bells.on("rang", listener);
    bells.on("rang", listener);
    bells.on("fell", listener);
    bells.emit("rang", 1);
    stop();
    stop();
    bells.emit("rang", 2);
    bells.emit("fell", "down");
    expect(heard).toEqual([1, "down"]);
  });

  it("tells all who listened when it happened, whoever throws, goes or comes meanwhile", () => {
    const { bells, heard } = emitter();
    const broken = new Error("broken");
    bells.on("rang", () => {
      stopLast();
      bells.on("rang", () => void heard.push("late"));
      throw broken;
    });
    const stopLast = bells.on("rang", () => void heard.push("last"));
    bells.emit("rang", 1);
    expect(heard).toEqual([broken, "last"]);
  });
});
