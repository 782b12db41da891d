const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** RFC 9110, section 5.6.7: the one form that servers send today, and two old ones that a recipient has to read. */
const FORMS: readonly RegExp[] = [
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>[\d:]{8}) GMT$/,
  /^[A-Z][a-z]{5,8}, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<time>[\d:]{8}) GMT$/,
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>[\d:]{8}) (?<year>\d{4})$/,
];

/**
 * Milliseconds since 1970 of an HTTP date (`Sun, 06 Nov 1994 08:49:37 GMT`); undefined for anything else. By hand, because
 * core has no clock, and the platform's parser is part of one.
 */
export function parseHttpDate(text: string): number | undefined {
  const parts = FORMS.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  const time = /^(\d{2}):(\d{2}):(\d{2})$/.exec(parts?.time ?? "");
  if (parts === undefined || time === null) return undefined;
  const [hour, minute, second] = [1, 2, 3].map((group) => Number(time[group])) as [number, number, number];
  const month = MONTHS.indexOf(parts.month ?? "");
  const day = Number(parts.day);
  const year = fullYear(parts.year ?? "");
  // 60: a leap second.
  if (month < 0 || day < 1 || day > daysIn(month, year) || hour > 23 || minute > 59 || second > 60) return undefined;
  return ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000;
}

/** Two digits are of the hundred years from 1970, since no clock is asked which are nearest. */
function fullYear(digits: string): number {
  const year = Number(digits);
  return digits.length > 2 ? year : year + (year < 70 ? 2000 : 1900);
}

const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

function daysSince1970(year: number, month: number, day: number): number {
  const leapDays = leapYearsBefore(year) - leapYearsBefore(1970) + (month > 1 && isLeap(year) ? 1 : 0);
  return (year - 1970) * 365 + leapDays + (DAYS_BEFORE[month] ?? 0) + day - 1;
}

function leapYearsBefore(year: number): number {
  const last = year - 1;
  return Math.floor(last / 4) - Math.floor(last / 100) + Math.floor(last / 400);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysIn(month: number, year: number): number {
  if (month === 1) return isLeap(year) ? 29 : 28;
  return [3, 5, 8, 10].includes(month) ? 30 : 31;
}
