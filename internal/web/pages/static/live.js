// Keeps a page up to date: on an event it loads the page again and replaces what
// has changed, without taking away focus, scrolling, open details or what
// somebody is typing. Without this script the page is loaded again by itself.
"use strict";
(() => {
  const address = document.body.dataset.live;
  const lost = document.getElementById("lost");
  if (!address) {
    return;
  }
  // Without events the page is loaded again every slow; with them it is so
  // rarely that "3 minutes ago" stays true.
  const soon = 300, slow = 15000, rare = 30000;
  // A stream that does not come back for so long is a lost connection; one that
  // is cut and comes back is not worth a word.
  const patience = 8000;
  let source = null, loading = false, again = false, last = Date.now(), timer = 0, gone = 0;

  // A notice is said once.
  const here = new URL(location.href);
  if (here.searchParams.has("notice")) {
    here.searchParams.delete("notice");
    history.replaceState(null, "", here);
  }

  // show says, or no longer says, that the connection is lost.
  const show = (yes) => {
    if (lost) {
      lost.hidden = !yes;
    }
  };

  const busy = () => {
    const main = document.getElementById("main");
    const active = document.activeElement;
    if (active && main.contains(active) && active.matches("input, textarea, select")) {
      return true;
    }
    if (String(document.getSelection()) !== "") {
      return true;
    }
    return Array.from(main.querySelectorAll("input, textarea, select")).some((field) => {
      if (field.type === "hidden") {
        return false;
      }
      if (field.options) {
        const set = Array.from(field.options).findIndex((option) => option.defaultSelected);
        return field.selectedIndex !== Math.max(0, set);
      }
      return field.value !== field.defaultValue;
    });
  };

  // path finds an element again in the new content: by its id, or by where it is.
  const path = (element, root) => {
    const steps = [];
    for (let e = element; e && e !== root; e = e.parentElement) {
      if (e.id) {
        steps.unshift("#" + CSS.escape(e.id));
        break;
      }
      steps.unshift(e.tagName.toLowerCase() + ":nth-child(" + (Array.from(e.parentElement.children).indexOf(e) + 1) + ")");
    }
    return steps.join(" > ");
  };

  const focusKey = (main) => {
    const active = document.activeElement;
    if (!active || active === main || !main.contains(active)) {
      return null;
    }
    const href = active.getAttribute("href");
    if (href) {
      const same = Array.from(main.querySelectorAll("a[href]")).filter((a) => a.getAttribute("href") === href);
      return { href, nth: same.indexOf(active) };
    }
    return { path: path(active, main) };
  };

  const focusAgain = (main, key) => {
    if (!key) {
      return;
    }
    const found = key.href
      ? Array.from(main.querySelectorAll("a[href]")).filter((a) => a.getAttribute("href") === key.href)[key.nth]
      : key.path && main.querySelector(key.path);
    if (found) {
      found.focus({ preventScroll: true });
    }
  };

  const replace = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const from = fresh.getElementById("main"), main = document.getElementById("main");
    if (!from || !main || busy()) {
      return;
    }
    const focus = focusKey(main), x = scrollX, y = scrollY;
    const scrolled = Array.from(main.querySelectorAll("[tabindex]")).map((e) => [path(e, main), e.scrollLeft, e.scrollTop]);
    // What was opened or closed by hand stays so.
    main.querySelectorAll("details[id]").forEach((details) => {
      const twin = from.querySelector("#" + CSS.escape(details.id));
      if (twin) {
        twin.open = details.open;
      }
    });
    // The headline stays the same element, so that a change of it is read out,
    // and nothing else is.
    const old = main.querySelector("#headline"), headline = from.querySelector("#headline");
    const children = Array.from(from.childNodes).map((node) => document.adoptNode(node));
    if (old && headline && headline.parentNode === null && old.parentNode === main) {
      if (old.textContent.trim() !== headline.textContent.trim() || old.className !== headline.className) {
        old.className = headline.className;
        old.replaceChildren(...Array.from(headline.childNodes));
      }
      main.replaceChildren(...children.map((node) => (node === headline ? old : node)));
    } else {
      main.replaceChildren(...children);
    }
    scrolled.forEach(([where, left, top]) => {
      const found = where && (left || top) && main.querySelector(where);
      if (found) {
        found.scrollTo(left, top);
      }
    });
    focusAgain(main, focus);
    scrollTo(x, y);
    document.title = fresh.title;
    const icon = document.querySelector("link[rel=icon]"), newIcon = fresh.querySelector("link[rel=icon]");
    if (icon && newIcon) {
      icon.href = newIcon.href;
    }
  };

  const load = async () => {
    if (loading || document.hidden || busy()) {
      again = true;
      return;
    }
    loading = true;
    again = false;
    try {
      const answer = await fetch(here, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "error" });
      if (answer.ok) {
        replace(await answer.text());
      }
      show(!answer.ok);
    } catch (error) {
      show(true);
    }
    loading = false;
    last = Date.now();
    if (again) {
      schedule();
    }
  };

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(load, soon);
  };

  const open = () => {
    if (!window.EventSource) {
      return;
    }
    source = new EventSource(address);
    source.addEventListener("change", schedule);
    source.addEventListener("open", () => {
      if (gone) {
        gone = 0;
        show(false);
        schedule();
      }
    });
    source.addEventListener("error", () => {
      // Closed for good: it was refused. Otherwise it tries again by itself.
      if (source.readyState === EventSource.CLOSED) {
        source = null;
        gone = 0;
      } else {
        gone = gone || Date.now();
      }
      schedule();
    });
  };

  setInterval(() => {
    const every = source && source.readyState === EventSource.OPEN ? rare : slow;
    if (gone && Date.now() - gone >= patience) {
      show(true);
    }
    if (Date.now() - last >= every || again) {
      load();
    }
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && again) {
      load();
    }
  });
  // A page that is left must not be found unloadable for its stream.
  addEventListener("pagehide", () => {
    if (source) {
      source.close();
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      open();
      load();
    }
  });
  open();
})();
