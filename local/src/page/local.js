
const box = document.getElementById("outbox");
async function refresh() {
  try {
    const answer = await fetch("/_local/outbox", { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("outbox").innerHTML;
    if (fresh !== box.innerHTML) box.innerHTML = fresh;
  } catch { /* the stack is being restarted */ }
}
setInterval(refresh, 2000);
