/** The look of the report, for screens and for paper. */
export const STYLE = `
:root{--ink:#1a1c20;--soft:#5c6370;--line:#e2e5ea;--paper:#fff;--ground:#f6f7f9;--critical:#b3001b;--high:#d1460f;--medium:#a86f00;--low:#2b6cb0;--info:#6b7280}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaee;--soft:#9aa3b2;--line:#30343c;--paper:#1b1e24;--ground:#131519;--critical:#ff6b7d;--high:#ff9466;--medium:#f0be55;--low:#7db8f5;--info:#a0a8b5}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:0 auto;padding:32px 20px}h1{font-size:28px;margin:4px 0 20px}h2{font-size:20px;margin:40px 0 12px}h3{font-size:16px;margin:0 0 8px}
.brand{color:var(--soft);margin:0;letter-spacing:.04em}a{color:inherit}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
.figures{display:flex;flex-wrap:wrap;gap:12px}.figure{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:14px 18px;min-width:130px}
.figure b{display:block;font-size:26px}.figure span{color:var(--soft)}.bad b,.critical>b{color:var(--critical)}.high>b{color:var(--high)}.medium>b{color:var(--medium)}
.card{background:var(--paper);border:1px solid var(--line);border-left:4px solid var(--info);border-radius:10px;padding:16px 18px;margin:12px 0;break-inside:avoid}
.card.critical{border-left-color:var(--critical)}.card.high{border-left-color:var(--high)}.card.medium{border-left-color:var(--medium)}.card.low{border-left-color:var(--low)}
.card p{margin:6px 0}.why{color:var(--soft)}.tag{font-size:12px;border:1px solid var(--line);border-radius:6px;padding:1px 7px}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;background:var(--paper)}th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
.p-no,.a-no{color:var(--critical);font-weight:600}.a-yes{color:#23864a;font-weight:600}.a-unknown{color:var(--medium)}details{margin:8px 0}summary{cursor:pointer}
`;
