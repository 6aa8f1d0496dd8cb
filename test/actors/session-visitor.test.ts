import { describe, expect, it } from "vitest";
import { at, bo, onTheWay, opened, usualWorld, val, vic } from "./cast.ts";

const nack = (code: string): object => ({ kind: "nack", code });

describe("visitor session", () => {
  it("opens one conversation per channel and answers with it again while it is open", () => {
    const world = usualWorld();
    const open = (channel: string): object => world.command(vic.session, vic, { t: "open", channel });
    expect(open("web")).toMatchObject({ kind: "ack", conv: "s.vic.1" });
    expect(open("web")).toMatchObject({ kind: "ack", conv: "s.vic.1" });
    expect(open("shop")).toMatchObject({ kind: "ack", conv: "s.vic.2" });
    expect(onTheWay(world, "start")).toMatchObject([
      { channel: "web", desk: "support", robot: "rob", visitor: "vic", meta: null },
      { channel: "shop", desk: "sales", visitor: "vic" },
    ]);
    expect(world.actor(vic.session).follows).toEqual(new Set(["s.vic.1", "s.vic.2"]));
  });

  it("opens another once the conversation has said that it ended, however often it says so", () => {
    const { world, conv } = opened("web");
    const open = { t: "open", channel: "web" };
    world.command(conv, vic, { t: "close", conv: conv.id });
    expect(world.command(vic.session, vic, open)).toMatchObject({ conv: "s.vic.1" });
    world.settle();
    expect(world.command(vic.session, vic, open)).toMatchObject({ conv: "s.vic.2" });
    world.step(vic.session, { kind: "closed", conv: "s.vic.1" as never });
    expect(world.command(vic.session, vic, open)).toMatchObject({ conv: "s.vic.2" });
  });

  it("goes to a desk of the visitor's choice, if there is one", () => {
    const world = usualWorld();
    const open = (part: object): object => world.command(vic.session, vic, { t: "open", ...part });
    expect(open({ channel: "nowhere" })).toEqual(nack("NOT_FOUND"));
    expect(open({ channel: "web", desk: "nowhere" })).toEqual(nack("NOT_FOUND"));
    open({ channel: "web", desk: "sales", meta: { page: "/" } });
    expect(onTheWay(world, "start")).toMatchObject([{ desk: "sales", meta: { page: "/" } }]);
  });

  it("takes commands from its visitor only, and only its own", () => {
    const world = usualWorld();
    const open = { t: "open", channel: "web" };
    expect(world.command(vic.session, val, open)).toEqual(nack("FORBIDDEN"));
    expect(world.command(vic.session, bo, open)).toEqual(nack("FORBIDDEN"));
    expect(world.command(vic.session, { ...vic, tenant: "other" as never }, open)).toEqual(nack("FORBIDDEN"));
    expect(world.command(vic.session, vic, { t: "status", status: "away" })).toEqual(nack("INVALID"));
  });

  it("describes what is open and the last that was closed; with history everything, newest first", () => {
    const world = usualWorld();
    for (const id of ["s.vic.1", "s.vic.2", "s.vic.3"]) {
      world.command(vic.session, vic, { t: "open", channel: "web" });
      world.settle();
      if (id !== "s.vic.3") world.command(at.conv(id), vic, { t: "close", conv: id });
      world.settle();
    }
    const told = (history: boolean): readonly object[] => {
      const { follows } = world.ask(vic.session, { kind: "describe", history }) as {
        follows: { conv: string; open: boolean }[];
      };
      return follows.map(({ conv, open }) => [conv, open]);
    };
    expect(told(false)).toEqual([
      ["s.vic.3", true],
      ["s.vic.2", false],
    ]);
    expect(told(true)).toEqual([
      ["s.vic.3", true],
      ["s.vic.2", false],
      ["s.vic.1", false],
    ]);
  });

  it("shows frames on the devices", () => {
    const world = usualWorld();
    const frame = { t: "queue", conv: "s.vic.1", position: 3, etaSec: null } as const;
    world.step(vic.session, { kind: "show", frame });
    expect(world.actor(vic.session).pushed).toEqual([frame]);
  });
});
