/** The pipe of the favicon. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#2456c9" />
      <path
        d="M6 12h9a4 4 0 0 1 4 4 4 4 0 0 0 4 4h3"
        fill="none"
        stroke="#fff"
        stroke-width="4"
        stroke-linecap="round"
      />
      <circle cx="7" cy="21" r="2.4" fill="#9fc0ff" />
      <circle cx="14" cy="21" r="2.4" fill="#9fc0ff" />
    </svg>
  );
}
