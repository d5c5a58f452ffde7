import type { ComponentChildren } from "preact";

export interface DataColumn<Row> {
  readonly label: string;
  readonly isNumber?: boolean;
  readonly show: (row: Row) => ComponentChildren;
}

export interface DataTableProps<Row> {
  readonly caption: string;
  /** The first one names the row. */
  readonly columns: readonly [DataColumn<Row>, ...DataColumn<Row>[]];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

/**
 * On a phone's width each row becomes a card, by the style sheet alone. The roles are named because some browsers forget
 * them when a table is laid out in another way.
 */
export function DataTable<Row>({ caption, columns, rows, keyOf }: DataTableProps<Row>) {
  return (
    <table role="table" class="data">
      <caption class="unseen">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ label, isNumber }) => (
            <th key={label} role="columnheader" scope="col" class={isNumber === true ? "number" : ""}>
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ label, isNumber, show }, index) =>
              index === 0 ? (
                <th key={label} role="rowheader" scope="row">
                  {show(row)}
                </th>
              ) : (
                <td key={label} role="cell" data-label={label} class={isNumber === true ? "number" : ""}>
                  {show(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
