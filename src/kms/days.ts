/** AWS counts windows, periods and validity in days of 24 hours. */
export const MS_PER_DAY = 86_400_000;
