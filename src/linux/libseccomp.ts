import { dlopen, type Pointer } from "bun:ffi";
import { closeSync, fstatSync, readSync } from "node:fs";
import { internal } from "../base/errors.ts";
import { check, cstring, libc } from "./libc.ts";

/** A seccomp filter in the words of the OCI runtime specification (config-linux.md, "Seccomp"). */
export interface FilterSpec {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: readonly string[];
  syscalls?: readonly FilterRule[];
}

export interface FilterRule {
  names: readonly string[];
  action: string;
  errnoRet?: number;
  args?: readonly FilterArgument[];
}

export interface FilterArgument {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}

/** libseccomp's numbers (seccomp.h); ERRNO and TRACE carry a value in their low 16 bits. */
const actions: Record<string, number> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
const operators = [
  "",
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
];
const EPERM = 1;
const EEXIST = 17;
const SCMP_ERROR = -1;
/** Search for the number of a call in a binary tree instead of one number after the other (seccomp_attr_set(3)). */
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const binaryTree = 2;

function openLibrary() {
  return dlopen("libseccomp.so.2", {
    seccomp_init: { args: ["u32"], returns: "ptr" },
    seccomp_attr_set: { args: ["ptr", "u32", "u32"], returns: "i32" },
    seccomp_release: { args: ["ptr"], returns: "void" },
    seccomp_arch_resolve_name: { args: ["ptr"], returns: "u32" },
    seccomp_arch_add: { args: ["ptr", "u32"], returns: "i32" },
    seccomp_syscall_resolve_name: { args: ["ptr"], returns: "i32" },
    seccomp_syscall_resolve_name_arch: { args: ["u32", "ptr"], returns: "i32" },
    seccomp_rule_add_array: { args: ["ptr", "u32", "i32", "u32", "ptr"], returns: "i32" },
    seccomp_export_bpf: { args: ["ptr", "i32"], returns: "i32" },
  }).symbols;
}

type Library = ReturnType<typeof openLibrary>;
let library: Library | null | undefined;

/** libseccomp, which crun and runc bring along; null on a host that has none. */
function load(): Library | null {
  if (library === undefined) {
    try {
      library = openLibrary();
    } catch {
      // Without the library the runtime compiles the filter itself: slower, and otherwise the same.
      library = null;
    }
  }
  return library;
}

const c = libc({
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
});
const MFD_CLOEXEC = 1;

/**
 * Compiles `filter` to the kernel's BPF (an array of `struct sock_filter`, seccomp(2)). Takes some 10 ms of the calling
 * thread for a profile of 400 system calls and three architectures, so keep the result. Returns undefined when that
 * cannot be done here: no libseccomp, or an action that needs the runtime (notify).
 * Names that the library does not know are left out, as the runtimes do. Throws `internal` when the library refuses.
 */
export function compileFilter(filter: FilterSpec): Uint8Array | undefined {
  const scmp = load();
  if (!scmp) return undefined;
  const defaultAction = actionNumber(filter.defaultAction, filter.defaultErrnoRet);
  const rules = (filter.syscalls ?? []).map((rule) => ({
    ...rule,
    number: actionNumber(rule.action, rule.errnoRet),
  }));
  if (defaultAction === undefined) return undefined;
  const context = scmp.seccomp_init(defaultAction) as Pointer | null;
  if (!context) throw internal("seccomp_init: the filter could not be made");
  try {
    // The kernel runs a new filter once for each call that there is: a container starts a millisecond sooner. Before 2.5
    // the library did not have it.
    scmp.seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, binaryTree);
    addArchitectures(scmp, context, filter.architectures ?? []);
    for (const { names, args, number } of rules) {
      if (number === undefined) return undefined;
      // The library refuses a rule that does what happens anyway.
      if (number !== defaultAction) addRule(scmp, context, number, names, args ?? []);
    }
    return exportFilter(scmp, context);
  } finally {
    scmp.seccomp_release(context);
  }
}

function actionNumber(name: string, value: number | undefined): number | undefined {
  const number = actions[name];
  if (number === undefined) return undefined;
  const takesValue = name === "SCMP_ACT_ERRNO" || name === "SCMP_ACT_TRACE";
  return takesValue ? number | ((value ?? EPERM) & 0xffff) : number;
}

function checkLibrary(result: number, what: string): void {
  if (result < 0) throw internal(`${what}: error ${-result}`);
}

/** `SCMP_ARCH_X86_64` to the library's token; 0 for one that it does not know. */
function architectureToken(scmp: Library, name: string): number {
  return scmp.seccomp_arch_resolve_name(cstring(name.replace(/^SCMP_ARCH_/, "").toLowerCase()));
}

function addArchitectures(scmp: Library, context: Pointer, names: readonly string[]): void {
  for (const name of names) {
    const token = architectureToken(scmp, name);
    if (token === 0) throw internal(`seccomp: unknown architecture ${name}`);
    const result = scmp.seccomp_arch_add(context, token);
    if (result !== -EEXIST) checkLibrary(result, `seccomp_arch_add ${name}`);
  }
}

/** Several comparisons of one argument mean "any of them", which takes a rule for each. */
function addRule(
  scmp: Library,
  context: Pointer,
  action: number,
  names: readonly string[],
  args: readonly FilterArgument[],
): void {
  const repeated = new Set(args.map((arg) => arg.index)).size < args.length;
  const groups = repeated ? args.map((arg) => [arg]) : [args];
  for (const name of names) {
    const syscall = scmp.seccomp_syscall_resolve_name(cstring(name));
    if (syscall === SCMP_ERROR) continue;
    for (const group of groups) {
      const array = group.length > 0 ? argumentArray(group) : null;
      const result = scmp.seccomp_rule_add_array(context, action, syscall, group.length, array);
      if (result !== -EEXIST) checkLibrary(result, `seccomp_rule_add ${name}`);
    }
  }
}

/** `struct scmp_arg_cmp`: argument u32, operator u32, two u64. */
function argumentArray(args: readonly FilterArgument[]): Buffer {
  const bytes = Buffer.alloc(24 * args.length);
  for (const [i, arg] of args.entries()) {
    const operator = operators.indexOf(arg.op);
    if (operator < 1) throw internal(`seccomp: unknown comparison ${arg.op}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset + 24 * i, 24);
    view.setUint32(0, arg.index, true);
    view.setUint32(4, operator, true);
    view.setBigUint64(8, BigInt(arg.value), true);
    view.setBigUint64(16, BigInt(arg.valueTwo ?? 0), true);
  }
  return bytes;
}

function exportFilter(scmp: Library, context: Pointer): Uint8Array {
  const fd = check(c.memfd_create(cstring("seccomp"), MFD_CLOEXEC), "memfd_create");
  try {
    checkLibrary(scmp.seccomp_export_bpf(context, fd), "seccomp_export_bpf");
    const bytes = new Uint8Array(fstatSync(fd).size);
    readSync(fd, bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/**
 * The number of the newest system call of `names` on `architecture` (`SCMP_ARCH_…`), as the library knows it;
 * undefined without the library, or when it knows none.
 */
export function highestSyscall(architecture: string, names: Iterable<string>): number | undefined {
  const scmp = load();
  if (!scmp) return undefined;
  const token = architectureToken(scmp, architecture);
  let highest: number | undefined;
  for (const name of names) {
    const number = scmp.seccomp_syscall_resolve_name_arch(token, cstring(name));
    // Negative numbers stand for calls that the architecture does not have.
    if (number >= 0 && number > (highest ?? -1)) highest = number;
  }
  return highest;
}
