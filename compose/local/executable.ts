import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where servers lie that the search path of an ordinary user leaves out. */
const serverFolders = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/** The path of a program, from the search path or the folders of servers; undefined when it is not installed. */
export function findExecutable(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter).filter(Boolean), ...serverFolders];
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path));
}

/** Whether there is a file that may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
