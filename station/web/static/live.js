// What is being received now: polls a small JSON and draws it; stops when the reception is over.
// @ts-check
(() => {
  const PERIOD_MS = 2000, LONGEST_MS = 30000, LIST_MS = 15000, BINS = 256, ROWS = 180, SCALE = 48;
  const DEAD = [154, 154, 154];
  const TIME_STEPS_S = [5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1800];
  /** @type {Record<string, string>} */
  const texts = JSON.parse(document.getElementById("live-texts")?.textContent ?? "{}");

  /** @param {string} text */
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  /** A number with so many decimals, as the reader's language writes it. @param {number} value @param {number} digits */
  const decimal = (value, digits) => value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
  /** @param {number | null | undefined} value @param {number} digits @param {string} unit */
  const number = (value, digits, unit) => (value === null || value === undefined ? "–" : `${decimal(value, digits)} ${unit}`);
  /** @param {number} seconds */
  const clock = (seconds) => `${Math.floor(Math.max(seconds, 0) / 60)}:${String(Math.floor(Math.max(seconds, 0) % 60)).padStart(2, "0")}`;

  // Dark blue to yellow, of even steps in lightness (corner points of viridis, CC0).
  const corners = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const palette = Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (corners.length - 1), k = Math.min(Math.floor(at), corners.length - 2);
    return corners[k].map((value, part) => Math.round(value + (at - k) * (corners[k + 1][part] - value)));
  });

  /** A round step so that about `count` of them fill the span. @param {number} span @param {number} count */
  const niceStep = (span, count) => {
    const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw * 0.999) ?? raw;
  };

  /** @param {HTMLElement} panel */
  const begin = (panel) => {
    const address = `/api/observations/${panel.dataset.name}/live`;
    /** @type {Map<number, Uint8Array>} */
    const rows = new Map();
    let first = 0, next = 0, wait = PERIOD_MS, ended = false;

    /** @param {string} key */
    const field = (key) => /** @type {HTMLElement} */ (panel.querySelector(`[data-field="${key}"]`));
    /**
     * An empty canvas in the pixels of the screen, so that its letters are readable on a telephone too.
     * @param {string} name
     * @returns {{pen: CanvasRenderingContext2D, width: number, height: number}}
     */
    const canvas = (name) => {
      const element = /** @type {HTMLCanvasElement} */ (panel.querySelector(`[data-canvas="${name}"]`));
      const pen = /** @type {CanvasRenderingContext2D} */ (element.getContext("2d"));
      const ratio = window.devicePixelRatio || 1, width = element.clientWidth, height = element.clientHeight;
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
      pen.scale(ratio, ratio);
      pen.fillStyle = "#ffffff";
      pen.fillRect(0, 0, width, height);
      pen.font = "12px system-ui, sans-serif";
      return { pen, width, height };
    };

    /** Frequencies below a plot that begins at x = left. */
    const frequencies = (pen, low, high, center, left, width, y) => {
      pen.fillStyle = "#1c2733";
      pen.textAlign = "center";
      const step = niceStep(high - low, width / 100);
      for (let k = Math.ceil((low + center) / step); k * step <= high + center; k++) {
        const x = left + (width * (k * step - center - low)) / (high - low);
        if (x < left + 20 || x > left + width - 30) continue;
        pen.fillRect(x, y, 1, 5);
        pen.fillText(center ? `${decimal(k * step / 1e6, step < 1e4 ? 4 : step < 1e5 ? 3 : 2)} MHz` : `${k * step / 1e3} kHz`, x, y + 18);
      }
    };

    const drawConstellation = (text) => {
      const { pen, width, height } = canvas("constellation"), half = width / 2;
      pen.fillStyle = "#d8dfe6";
      pen.fillRect(half, 0, 1, height);
      pen.fillRect(0, half, width, 1);
      const points = new Int8Array(bytes(text).buffer);
      pen.fillStyle = "rgb(11 92 138 / 65%)";
      for (let k = 0; k + 1 < points.length; k += 2) {
        pen.fillRect(half + (points[k] / SCALE) * half / 2 - 1.5, half - (points[k + 1] / SCALE) * half / 2 - 1.5, 3, 3);
      }
    };

    const drawSpectrum = (given, center) => {
      const all = canvas("spectrum"), pen = all.pen;
      if (!given) return;
      const steps = bytes(given.values), values = Array.from(steps, (value) => given.floor + given.step * value);
      if (!steps.some((value) => value > 0)) {  // gaps and constant samples have no spectrum
        pen.fillStyle = "#1c2733";
        pen.textAlign = "center";
        pen.fillText(texts.live_nothing_heard, all.width / 2, all.height / 2);
        return;
      }
      const left = 40, width = all.width - left - 4, height = all.height - 26;
      const low = Math.floor((Math.min(...values) - 1) / 5) * 5, high = Math.ceil((Math.max(...values) + 1) / 5) * 5;
      const y = (value) => 6 + (height - 6) * (high - value) / (high - low);
      pen.textAlign = "right";
      for (let level = low; level <= high; level += niceStep(high - low, 6)) {
        pen.fillStyle = "#d8dfe6";
        pen.fillRect(left, y(level), width, 1);
        pen.fillStyle = "#1c2733";
        pen.fillText(String(level), left - 5, Math.max(y(level) + 4, 12));
      }
      pen.strokeStyle = "#0b5c8a";
      pen.beginPath();
      values.forEach((value, k) => pen.lineTo(left + (width * (k + 0.5)) / values.length, y(value)));
      pen.stroke();
      frequencies(pen, given.low_hz, given.high_hz, center, left, width, height + 1);
    };

    const drawWaterfall = (given, spectrum, center) => {
      const all = canvas("waterfall"), pen = all.pen;
      if (rows.size === 0 || !given) return;
      const left = 40, width = all.width - left - 4, height = all.height - 24;
      // Rows in which nothing was heard, gaps and constant samples, set no scale.
      const heard = [...rows.values()].filter((row) => row.some((value) => value > 0));
      const counts = new Uint32Array(256);
      for (const row of heard) for (const value of row) counts[value]++;
      const total = heard.length * BINS;
      const quantile = (share) => {
        let sum = 0;
        for (let value = 0; value < 256; value++) if ((sum += counts[value]) >= share * total) return value;
        return 255;
      };
      const low = quantile(0.05), high = Math.max(quantile(0.998), low + 5);
      /** @param {number} value */
      const level = (value) => decimal(given.floor + given.step * value, 0);
      field("live_scale").textContent = heard.length ? `· ${texts.live_dark} ${level(low)}, ${texts.live_bright} ${level(high)} dB` : "";
      const count = next + 1 - first, picture = new ImageData(BINS, count);
      for (const [number, row] of rows) {
        const dead = !row.some((value) => value > 0);
        row.forEach((value, k) => {
          const colour = dead ? DEAD : palette[Math.max(0, Math.min(255, Math.round((255 * (value - low)) / (high - low))))];
          picture.data.set([...colour, 255], 4 * ((number - first) * BINS + k));
        });
      }
      const small = document.createElement("canvas");
      small.width = BINS;
      small.height = count;
      /** @type {CanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(picture, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(small, left, 0, width, height);
      pen.fillStyle = "#1c2733";
      pen.textAlign = "right";
      const span = count * given.row_s, step = TIME_STEPS_S.find((one) => one >= span / 7) ?? 3600;
      for (let at = Math.ceil((first * given.row_s) / step) * step; at < (first + count) * given.row_s; at += step) {
        const y = (height * (at - first * given.row_s)) / span;
        pen.fillRect(left - 5, y, 5, 1);
        pen.fillText(clock(at), left - 8, Math.min(Math.max(y + 4, 12), height));
      }
      if (spectrum) frequencies(pen, spectrum.low_hz, spectrum.high_hz, center, left, width, height + 1);
    };

    const takeRows = (given) => {
      if (!given) return;
      const fresh = bytes(given.rows), count = fresh.length / BINS;
      // Another attempt has begun anew, or rows are missing between: what is held does not belong to it.
      if (given.first_row > next || given.first_row < first || count === 0 && next > given.first_row) rows.clear();
      for (let k = 0; k < count; k++) rows.set(given.first_row + k, fresh.slice(k * BINS, (k + 1) * BINS));
      if (count > 0) next = given.first_row + count - 1;  // the last one is unfinished and is asked for again
      for (const number of [...rows.keys()]) if (number <= next - ROWS || number > next) rows.delete(number);
      first = rows.size ? Math.min(...rows.keys()) : next;
    };

    const show = (status) => {
      field("state").textContent = texts[`live_${status.state}`] ?? status.state;
      field("state").className = `badge ${status.state === "frames" ? "done" : status.state === "over" ? "" : "running"}`;
      field("note").textContent = status.over ? texts.live_over_hint : status.mode ? `${clock(status.seconds ?? 0)} · ${status.mode}` : "";
      const sky = status.direction, record = status.recording;
      field("live_sky").textContent = sky ? `${decimal(sky.elevation_deg, 1)}° · ${sky.azimuth_deg.toFixed(0)}° · ${texts.live_left} ${clock(sky.left_s)}` : "–";
      field("live_ebn0").textContent = number(status.ebn0_db, 1, "dB");
      field("frames_long").textContent = status.frames_good === null ? "–" : `${status.frames_good} ${texts.live_of} ${status.frames_located} ${texts.live_located}`;
      const age = status.newest_frame_s === null || status.seconds === null ? null : Math.max(status.seconds + (status.lag_s ?? 0) - status.newest_frame_s, 0);
      field("live_newest").textContent = age === null ? "–" : `${decimal(age, 1)} s ${texts.live_ago}`;
      field("live_carrier").textContent = status.carrier_hz === null ? "–" : `${status.carrier_hz > 0 ? "+" : ""}${status.carrier_hz.toFixed(0)} Hz`;
      field("live_lag").textContent = number(status.lag_s, 1, "s");
      const level = record?.level, clipped = level && level[1] > 0 ? ` · ${decimal(100 * level[1], level[1] < 0.01 ? 2 : 0)} % ${texts.live_clipped}` : "";
      field("live_level").textContent = level && level[0] !== null ? `${decimal(level[0], 1)} dBFS${clipped}` : "–";
      field("live_losses").textContent = !record ? "–" : record.gaps ? `${record.gaps} ${record.gaps === 1 ? texts.live_gap : texts.live_gaps} · ${decimal(record.lost_s, record.lost_s < 0.01 ? 3 : 2)} s` : texts.live_no_losses;
      takeRows(status.waterfall);
      if (status.over) return;  // the last pictures stand
      const center = status.center_frequency_hz ?? 0;
      drawConstellation(status.constellation);
      drawSpectrum(status.spectrum, center);
      drawWaterfall(status.waterfall, status.spectrum, center);
    };

    const poll = async () => {
      if (document.hidden) return;  // goes on when somebody looks again
      try {
        const response = await fetch(`${address}?after=${next}`, { cache: "no-store" });
        if (!response.ok) throw new Error(String(response.status));
        const status = await response.json();
        show(status);
        ended = status.over;
        wait = PERIOD_MS;
        panel.dataset.ready = "yes";
      } catch {
        field("note").textContent = texts.live_broken;
        wait = Math.min(2 * wait, LONGEST_MS);
      }
    };
    const loop = async () => {
      await poll();
      if (!ended) setTimeout(loop, wait);
    };
    loop();
  };

  document.querySelectorAll("section.live").forEach((panel) => begin(/** @type {HTMLElement} */ (panel)));

  // The list of what is received: loaded anew when something begins.
  const list = document.getElementById("live-list");
  if (list) {
    const shown = JSON.parse(list.dataset.names ?? "[]");
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const { names } = await (await fetch("/api/live", { cache: "no-store" })).json();
        if (names.some((name) => !shown.includes(name))) location.reload();
      } catch { /* the panels say it */ }
    }, LIST_MS);
  }
})();
