/** The one style sheet: light and dark as the system wants it, from 320 pixels of width on. */
export const style = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #14202e; --dim: #55637a; --line: #d8dee8;
  --accent: #0b5fc0; --accent-text: #ffffff; --accent-soft: #e3eefc; --good: #1a7340; --bad: #b3261e; --bad-soft: #fdeceb; --code: #eef1f6;
  --focus: #b45f06; --edge: #7f8ca1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0e141b; --card: #161e28; --text: #e6ecf4; --dim: #9aa8bb; --line: #2a3645;
    --accent: #6cb0ff; --accent-text: #08121e; --accent-soft: #17304d; --good: #63c98b; --bad: #ff8f86; --bad-soft: #3a1c1b; --code: #0f1720;
    --focus: #ffc44d; --edge: #667890;
  }
}
* { box-sizing: border-box; }
html { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; overflow-wrap: anywhere; background: var(--back); color: var(--text); min-height: 100vh; display: flex; flex-direction: column; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; top: 0; background: var(--card); padding: .5rem 1rem; z-index: 2; }
.skip:focus { left: 0; }
.wrap { width: 100%; max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header.top { background: var(--card); border-bottom: 1px solid var(--line); }
header.top .wrap { display: flex; align-items: center; gap: .5rem 1.25rem; flex-wrap: wrap; padding-top: .6rem; padding-bottom: .6rem; }
.logo { display: inline-flex; align-items: center; gap: .5rem; font-weight: 700; font-size: 1.1rem; color: var(--text); }
.logo:hover { text-decoration: none; }
.logo svg { width: 28px; height: 28px; color: var(--accent); }
.top form.search { flex: 1 1 14rem; display: flex; }
.top nav { display: flex; align-items: center; gap: .25rem 1rem; flex-wrap: wrap; }
.top nav form { display: inline; }
main.wrap { flex: 1; padding-top: 1.5rem; padding-bottom: 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; }
.dim { color: var(--dim); }
.small { font-size: .875rem; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tight { width: 1%; }
.nowrap { white-space: nowrap; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem; margin: 0 0 1rem; }
.card > :first-child, .card > form:first-child > :first-child, .stack > input[type=hidden] + *, .stack > .visually-hidden + * { margin-top: 0; }
.card > :last-child { margin-bottom: 0; }
.card > ul { margin: 0 0 1rem; padding-left: 1.2rem; }
.card > table + form { margin-top: 1rem; }
.cards { list-style: none; padding: 0; margin: 0; display: grid; gap: .75rem; }
.cards .card { margin: 0; }
form.inline { display: inline; }
form.row { align-items: flex-end; }
fieldset { border: 0; padding: 0; margin: 0; }
.row { display: flex; gap: .5rem 1rem; align-items: center; flex-wrap: wrap; }
.between { justify-content: space-between; }
.stack > * + * { margin-top: .9rem; }
.name { font-weight: 600; overflow-wrap: anywhere; }
.badge { display: inline-block; font-size: .75rem; font-weight: 600; padding: .05rem .5rem; border-radius: 999px; border: 1px solid var(--line); color: var(--dim); vertical-align: middle; white-space: nowrap; }
.badge.official { color: var(--accent); border-color: var(--accent); }
.badge.private { color: var(--bad); border-color: var(--bad); }
input, select, textarea, button, .button { font: inherit; border-radius: 8px; }
input:not([type=checkbox]):not([type=radio]), select, textarea { width: 100%; padding: .5rem .7rem; background: var(--back); color: var(--text); border: 1px solid var(--edge); min-height: 2.6rem; }
::placeholder { color: var(--dim); opacity: 1; }
textarea { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: .9rem; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
label.choice { font-weight: 400; display: flex; gap: .6rem; align-items: baseline; }
.hint { color: var(--dim); font-size: .875rem; margin: .25rem 0 0; }
button, .button { white-space: nowrap; overflow-wrap: normal; flex: none; display: inline-block; cursor: pointer; border: 1px solid var(--edge); background: var(--card); color: var(--text); padding: .45rem .9rem; min-height: 2.6rem; font-weight: 600; }
button.first, .button.first { background: var(--accent); border-color: var(--accent); color: var(--accent-text); }
button.danger { color: var(--bad); border-color: var(--bad); background: transparent; }
button.plain { border: 0; background: none; color: var(--accent); padding: 0; margin-right: .5rem; min-height: 0; font-weight: 400; line-height: 1.5; }
button.plain.danger { color: var(--bad); }
.top nav button.plain { margin: 0; }
button:hover, .button:hover { filter: brightness(.96); text-decoration: none; }
.search { display: flex; flex-wrap: nowrap; gap: 0; }
main .search { max-width: 24rem; margin-bottom: .75rem; }
.search button { border-radius: 0 8px 8px 0; border-left: 0; }
.search input { border-radius: 8px 0 0 8px !important; min-width: 0; }
.command { display: flex; align-items: stretch; background: var(--code); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; max-width: 100%; margin: 0 0 1rem; }
.stack .command { margin: 0; }
.command code { flex: 1; padding: .6rem .8rem; overflow-x: auto; white-space: pre; background: none; }
.command button { border: 0; border-left: 1px solid var(--line); border-radius: 0; min-width: 5rem; }
code, pre, .mono { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: .875rem; }
code { background: var(--code); border-radius: 5px; padding: .1em .35em; overflow-wrap: anywhere; }
.digest { overflow-wrap: normal; white-space: nowrap; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .55rem .75rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-size: .8rem; color: var(--dim); font-weight: 600; white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
.table { padding: 0; overflow: hidden; }
.message { border: 1px solid var(--accent); background: var(--accent-soft); border-radius: 8px; padding: .7rem 1rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
.message.error { border-color: var(--bad); background: var(--bad-soft); }
.tabs { display: flex; gap: 1.25rem; border-bottom: 1px solid var(--line); margin: 1rem 0; overflow-x: auto; }
.tabs a { padding: .5rem 0; color: var(--dim); border-bottom: 3px solid transparent; white-space: nowrap; }
.tabs a[aria-current] { color: var(--text); font-weight: 600; border-color: var(--accent); }
.two { display: grid; grid-template-columns: minmax(0, 1fr) 18rem; gap: 1.5rem; align-items: start; }
.narrow { max-width: 26rem; margin: 1rem auto; }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: .4rem 1rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.readme > :first-child { margin-top: 0; }
.readme img { max-width: 100%; }
.pages { display: flex; justify-content: space-between; margin-top: 1rem; }
.hero { padding: 1.5rem 0 1rem; }
footer { border-top: 1px solid var(--line); color: var(--dim); font-size: .875rem; padding: 1rem 0; }
.visually-hidden { position: absolute !important; width: 1px !important; height: 1px !important; min-height: 0 !important; padding: 0 !important; border: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 46rem) {
  .two { grid-template-columns: minmax(0, 1fr); }
  .top form.search { order: 3; flex-basis: 100%; }
  .top nav { margin-left: auto; font-size: .9rem; gap: .25rem .75rem; }
  .top nav .button { padding: .2rem .6rem; min-height: 2.2rem; }
  .logo { font-size: 1rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dt { font-size: .85rem; } dd + dt { margin-top: .5rem; }
  table.stacks thead { display: none; }
  table.stacks, table.stacks tbody, table.stacks tr, table.stacks td { display: block; width: 100%; }
  table.stacks tr { border-bottom: 1px solid var(--line); padding: .6rem 0; }
  table.stacks tr:last-child { border-bottom: 0; }
  table.stacks td { border: 0; padding: .15rem 1rem; text-align: left; white-space: normal; }
  table.stacks td[data-label]::before { content: attr(data-label) ": "; color: var(--dim); font-size: .85rem; }
}
@media (prefers-reduced-motion: no-preference) { button { transition: filter .1s; } }
`;

/** The one script: copying. Everything else works without it. */
export const script = `
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  const told = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    field.remove();
  }
  const live = document.getElementById("live");
  if (live) live.textContent = button.textContent;
  setTimeout(() => { button.textContent = told; }, 1500);
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
`;
