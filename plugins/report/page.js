"use strict";
(function () {
  const pageSize = 100;
  const byId = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(byId(id).textContent);
  const meta = data("meta"), rows = data("rows");
  const KIND = 0, SECONDS = 1, EMAIL = 2, CARD = 3, ITEMS = 4;
  const written = meta.kinds.map((k) => k.class === "register" || k.class === "upsert");
  const kindText = meta.kinds.map((k) => (k.action + " " + k.reason).toLowerCase());
  const itemText = meta.items.map((t) => t.toLowerCase());
  const number = (n) => n.toLocaleString(document.documentElement.lang);
  const search = byId("search"), group = byId("group"), kind = byId("kind"), body = byId("body");
  let found = rows, at = 0;

  const counts = new Array(meta.kinds.length).fill(0);
  for (const row of rows) counts[row[KIND]]++;
  kind.append(new Option(meta.text.all, ""));
  meta.kinds.map((k, i) => i).sort((a, b) => counts[b] - counts[a]).slice(0, 200).forEach((i) => {
    const k = meta.kinds[i];
    kind.append(new Option(k.action + "・" + k.reason.slice(0, 80) + " (" + number(counts[i]) + ")", String(i)));
  });

  function filter() {
    const words = search.value.toLowerCase().split(/[\s\u3000]+/).filter(Boolean);
    const wantKind = kind.value === "" ? -1 : Number(kind.value);
    const wantWritten = group.value === "" ? null : group.value === "written";
    found = rows.filter((row) => {
      if (wantKind >= 0 && row[KIND] !== wantKind) return false;
      if (wantWritten !== null && written[row[KIND]] !== wantWritten) return false;
      return words.every((w) => row[EMAIL].toLowerCase().includes(w) || row[CARD].toLowerCase().includes(w) ||
        kindText[row[KIND]].includes(w) || itemText[row[ITEMS]].includes(w));
    });
    at = 0;
    show();
  }

  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo", dateStyle: "short", timeStyle: "medium" });

  function cell(text, name) {
    const td = document.createElement("td");
    td.textContent = text;
    if (name) td.className = name;
    return td;
  }

  function show() {
    const part = document.createDocumentFragment();
    for (const row of found.slice(at, at + pageSize)) {
      const tr = document.createElement("tr"), k = meta.kinds[row[KIND]];
      tr.className = k.class;
      const action = cell("", "action"), mark = document.createElement("span");
      mark.className = "mark";
      action.append(mark, k.action);
      tr.append(cell(meta.times && row[SECONDS] ? clock.format(row[SECONDS] * 1000) : "", "when"),
        cell(row[EMAIL]), action, cell(k.reason), cell(meta.items[row[ITEMS]]), cell(row[CARD]));
      part.append(tr);
    }
    body.replaceChildren(part);
    const pages = Math.max(1, Math.ceil(found.length / pageSize)), current = Math.floor(at / pageSize) + 1;
    byId("where").textContent = meta.text.page + " " + number(current) + " / " + number(pages) + "　(" + number(found.length) + " " + meta.text.rows + ")";
    byId("previous").disabled = at === 0;
    byId("next").disabled = at + pageSize >= found.length;
    byId("nothing").hidden = found.length > 0;
  }

  byId("previous").addEventListener("click", () => { at = Math.max(0, at - pageSize); show(); });
  byId("next").addEventListener("click", () => { at += pageSize; show(); });
  group.addEventListener("change", filter);
  kind.addEventListener("change", filter);
  let later = 0;
  search.addEventListener("input", () => { clearTimeout(later); later = setTimeout(filter, 120); });
  if (!meta.times) document.querySelector(".cards").classList.add("untimed");
  // A link may bring its own view: report.html#search=yamada&group=written
  function fromLink() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    search.value = wanted.get("search") || "";
    group.value = ["written", "unwritten"].includes(wanted.get("group")) ? wanted.get("group") : "";
    filter();
  }
  addEventListener("hashchange", fromLink);
  byId("list").hidden = false;
  fromLink();
})();
