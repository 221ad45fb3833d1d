"use strict";
{
  const box = document.getElementById("outbox");
  const count = document.getElementById("outbox-count");

  async function update() {
    try {
      const answer = await fetch("/_local/outbox", { headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [fresh, stale] = [page.getElementById("outbox").innerHTML, box.innerHTML];
      if (fresh === stale) return;
      // What is there stays in place, with the focus and the selection in it, when there is only more.
      if (fresh.endsWith(stale)) box.insertAdjacentHTML("afterbegin", fresh.slice(0, -stale.length));
      else box.innerHTML = fresh;
      // The number is read out, and not every message again.
      const messages = box.querySelectorAll("article").length;
      count.textContent = messages === 1 ? "1 message" : `${messages} messages`;
    } catch { /* the stack is being restarted */ }
  }
  setInterval(update, 2000);
}
